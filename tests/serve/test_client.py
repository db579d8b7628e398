"""Asking a server that was started for one question."""

import subprocess
import sys

import pytest

from slmworks.contract.errors import BadRequest
from slmworks_serve.client import ask_once

TOO_LONG = "good " * 5000


def test_what_the_server_says_to_a_bad_question_reaches_the_person(store):
    with pytest.raises(BadRequest, match="answers 422: a text of 25000 characters; at most 20000 are taken"):
        ask_once(store, "reviews", None, TOO_LONG)


def test_a_bad_question_on_the_command_line_is_one_line_and_exit_2(store):
    words = ["serve", "reviews", "--store", store.url.removeprefix("file://"), "--ask", TOO_LONG]
    ended = subprocess.run(
        [sys.executable, "-m", "slmworks", *words], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "at most 20000 are taken" in ended.stderr
