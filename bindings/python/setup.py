"""The extension, for pip; pyproject.toml has the rest."""

import glob
import os
import shlex
import subprocess

import setuptools


def told(*words):
    """What pkg-config says of hwalloc."""
    try:
        done = subprocess.run(["pkg-config", *words, "hwalloc"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"hwalloc is not installed, or pkg-config does not find it (PKG_CONFIG_PATH): "
                         f"{getattr(error, 'stderr', '') or error}") from error
    return shlex.split(done.stdout)


os.chdir(os.path.dirname(os.path.abspath(__file__)))
setuptools.setup(
    version=told("--modversion")[0],
    ext_modules=[setuptools.Extension(
        "hwalloc._native", sorted(glob.glob("native/*.cpp")), depends=glob.glob("native/*.h"), language="c++", py_limited_api=True,
        extra_compile_args=["-std=c++20", "-fvisibility=hidden", *told("--cflags")], extra_link_args=told("--libs"))],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
