"""Tests of cachecore.maintenance."""
