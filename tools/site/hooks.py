"""What MkDocs does not do by itself for this site.

The pages under docs/ are also read where they lie, in the repository, and link to files there.  The
site takes those files along, in `source/`.  The C reference is made from the header.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?P<before>\]\()(?P<target>[^)#\s]+)(?P<anchor>#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    # By path, since a hook has no package to import its neighbours from.
    scope: dict[str, object] = {"__file__": str(Path(__file__).with_name("header_reference.py"))}
    exec(Path(__file__).with_name("header_reference.py").read_text(), scope)
    make = scope["page"]
    assert callable(make)
    header = (REPOSITORY / "include/cachecore.h").read_text()
    files.append(File.generated(config, "reference/c.md", content=make(header)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links that leave docs/ lead to copies of what they name."""
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def follow(match: re.Match[str]) -> str:
        target = match["target"]
        if ":" in target:
            return match[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        if path.startswith("docs/") or not (REPOSITORY / path).exists():
            return match[0]  # MkDocs says whether it is there
        if (REPOSITORY / path).is_dir():
            path = posixpath.join(path, "README.md")
            if not (REPOSITORY / path).exists():
                return match[0]
        copy = f"source/{path}.txt"
        if files.get_file_from_path(copy) is None:
            files.append(File.generated(config, copy, content=(REPOSITORY / path).read_bytes()))
        here = posixpath.dirname(page.file.src_uri)
        return f"{match['before']}{posixpath.relpath(copy, here or '.')})"

    return LINK.sub(follow, markdown)
