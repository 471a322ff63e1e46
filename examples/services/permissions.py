"""Permissions that are looked up once in a quarter of an hour, and audited.

python examples/services/permissions.py [--port 8003] [--data DIRECTORY]
"""

from starting import serve

serve("permissions", port=8003)
