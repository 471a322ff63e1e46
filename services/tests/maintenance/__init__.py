"""Tests of cachecore_services.maintenance."""
