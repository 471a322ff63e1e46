"""Texts that are spoken, kept for a week within 500 MB, and cleaned up.

python examples/services/narration.py [--port 8002] [--data DIRECTORY]
"""

from starting import serve

serve("narration", port=8002)
