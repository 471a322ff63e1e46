"""Tokens that are no longer accepted after logging out.

python examples/services/blacklist.py [--port 8001] [--data DIRECTORY]
"""

from starting import serve

serve(
    "blacklist", port=8001, JWT_SECRET_KEY="an example, known to everybody", TOKEN_DEMO_LOGIN="true"
)
