"""The tutorials stand beside the package, and are in its wheel: all else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithTutorials(build_py):
    """Copies the tutorials, their sources and the instructors' pages into what becomes the wheel."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "gscope_widgets", "tutorials")
            unwanted = shutil.ignore_patterns(".*", "__pycache__", "images")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(Path(__file__).parent / "tutorials", target, ignore=unwanted)


setup(cmdclass={"build_py": BuildWithTutorials})
