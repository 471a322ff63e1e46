"""cachecore where it is needed: one module for each framework, each needing only that framework.

The names here import nothing; ``cachecore.contrib.django`` needs Django, and so on.
"""
