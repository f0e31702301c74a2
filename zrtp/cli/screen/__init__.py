"""What people and programs read, and the keys that people press."""
