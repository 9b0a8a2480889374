"""Other libraries that make models for tables: how each is installed, and a script each that runs in its own environment."""
