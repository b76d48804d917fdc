"""Compiles the loops over samples where there is a C compiler; elsewhere they run as Python."""

import tomllib
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


class BuildExt(build_ext):
    """Cython's `build_ext` where there is Cython; what cannot be compiled is left out."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.cython_c_in_temp = True
        # No directive here that changes what Python means: a compiled module does what its source
        # does. C types are in the .pxd files alone; the inner loops, where no index is negative,
        # say at their top that bounds are not checked.
        self.cython_directives = {"language_level": 3, "annotation_typing": False}

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # no compiler, no Python.h, no Cython, or a fault of theirs
            self.warn(f"everything stays pure Python: {error}")
            for path in self.get_outputs():  # all or none, and none of an earlier build
                Path(path).unlink(missing_ok=True)


PROJECT = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))

setup(
    cmdclass={"build_ext": BuildExt},
    ext_modules=[
        Extension(
            name,
            [name.replace(".", "/") + ".py"],
            # GCC on ARM would fuse multiplications with additions, which changes the results.
            extra_compile_args=["-O3", "-g0", "-ffp-contract=off"],
        )
        for name in PROJECT["tool"]["edge-ecg"]["compiled"]
    ],
)
