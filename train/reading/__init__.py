"""What a trained network says of a recording; needs no torch where the network is ONNX."""
