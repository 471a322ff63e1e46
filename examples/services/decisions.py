"""Policy decisions, remembered by how sensitive they are.

python examples/services/decisions.py [--port 8004] [--data DIRECTORY]
"""

from starting import serve

serve("decisions", port=8004)
