"""Tests of cachecore.services."""
