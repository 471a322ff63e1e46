"""Tests of cachecore_services."""
