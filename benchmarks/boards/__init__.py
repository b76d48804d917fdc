"""The room of boards: their bytes, decoded, harmed, recognised, late and lost."""
