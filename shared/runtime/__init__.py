"""Wires the pieces of one process together; edges are given a `Runtime`."""

from shared.runtime.build import PartsBoard, PartState, Runtime, build_runtime

__all__ = ["PartState", "PartsBoard", "Runtime", "build_runtime"]
