"""The policy cache and the cleanup task."""
