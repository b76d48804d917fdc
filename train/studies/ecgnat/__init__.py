"""ECG-NAT's study."""
