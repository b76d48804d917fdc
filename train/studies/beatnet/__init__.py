"""BEAT-Net's study."""
