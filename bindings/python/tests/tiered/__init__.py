"""Tests of cachecore.tiered, on real servers and through a proxy with faults."""
