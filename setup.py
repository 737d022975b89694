"""Everything is in setup.cfg but this: a build begins with nothing of the one before it."""

import os
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py


class FreshBuild(build_py):
    """By itself setuptools adds to what is in build/, and installs from there what has been deleted since."""

    def run(self) -> None:
        """Build."""
        shutil.rmtree(os.path.join(self.build_lib, "homeftp"), ignore_errors=True)
        super().run()


setup(cmdclass={"build_py": FreshBuild})
