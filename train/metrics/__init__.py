"""What figures are made of: EC57, delineation, classification."""
