"""Generates the code of the gateway's messages and calls when the package is built."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROTO = Path(__file__).resolve().parents[2] / "proto"


class Generate(build_py):
    def run(self):
        super().run()
        from grpc_tools import protoc

        well_known = Path(protoc.__file__).parent / "_proto"
        # An editable install imports from src.
        out = "src" if self.editable_mode else self.build_lib
        outs = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
        protos = sorted(str(path) for path in (PROTO / "falcogateway").rglob("*.proto"))
        if protoc.main(["protoc", f"-I{PROTO}", f"-I{well_known}", *outs, *protos]) != 0:
            raise SystemExit("failed to generate the client code from proto/")


setup(cmdclass={"build_py": Generate})
