"""The room of beats: how well they are found and named, and the page of a bundle."""
