"""Putting imports off: less is loaded, and what is put off still works. Each in a process of its own."""

import json
import subprocess
import sys

import pytest

from linda_bot.whatsapp.engine.late_imports import LATE_MODULES


def run(code: str) -> dict[str, object]:
    """Run code in a fresh interpreter and return what it prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


PUT_OFF = "from linda_bot.whatsapp.engine.late_imports import put_off; put_off()\n"
LOADED = (
    "import json, sys\n"
    "import neonize.client\n"
    "real = {name: type(module).__name__ != '_LateModule' for name, module in sys.modules.items()}\n"
    "print(json.dumps({'loaded': sorted(name for name in real if real[name])}))\n"
)


@pytest.mark.slow
def test_the_installed_library_loads_none_of_it() -> None:
    """Every module in the list is put off for real, and none of them is wished for in vain."""
    plain = run(LOADED)["loaded"]
    late = run(PUT_OFF + LOADED)["loaded"]
    assert isinstance(plain, list)
    assert isinstance(late, list)

    assert LATE_MODULES <= set(plain), "the library does not import this any more; take it off the list"
    assert LATE_MODULES.isdisjoint(late)
    assert "asyncio" not in late
    assert len(late) < 0.6 * len(plain)


def test_media_and_previews_work_when_they_are_asked_for() -> None:
    """A name that is used brings its module: a function, a class to test against, a constant."""
    found = run(
        PUT_OFF
        + "import json, io, neonize.client as c, neonize.utils as u, neonize.utils.calc as calc\n"
        + "picture = calc.Image.new('RGB', (600, 300))\n"
        + "print(json.dumps({\n"
        + "  'vcard': u.gen_vcard('Ann', '4915112345678'),\n"
        + "  'scaled': calc.auto_sticker(picture).size,\n"
        + "  'is_image': isinstance(picture, c.Image.Image),\n"
        + "  'is_no_image': isinstance(3, c.Image.Image),\n"
        + "  'jpeg': c.magic.from_buffer(b'\\xff\\xd8\\xff\\xe0', mime=True),\n"
        + "  'buttons': c.CustomInteractiveMessage.prepare_send.__name__,\n"
        + "  'ffmpeg': c.FFmpeg.__name__ if isinstance(c.FFmpeg, type) else 'late',\n"
        + "}))\n"
    )

    assert "+49 1511 2345678" in str(found["vcard"])
    assert found["scaled"] == [512, 512]
    assert (found["is_image"], found["is_no_image"]) == (True, False)
    assert found["jpeg"] == "image/jpeg"
    assert found["buttons"] == "prepare_send"


def test_a_machine_without_libmagic_can_run_a_text_bot() -> None:
    """The module that needs it is not loaded; the one-line answer is for whoever wants media."""
    found = run(
        PUT_OFF
        + "import json, ctypes.util, sys\n"
        + "ctypes.util.find_library = lambda name: None\n"
        + "import neonize.client as c\n"
        + "print(json.dumps({'late': type(sys.modules['magic']).__name__}))\n"
    )

    assert found["late"] == "_LateModule"


def test_what_is_loaded_already_stays() -> None:
    """The list is no ban."""
    found = run("import json, tqdm\n" + PUT_OFF + "import tqdm as again\nprint(json.dumps({'same': again is tqdm}))\n")

    assert found["same"] is True


def test_the_import_starts_no_process() -> None:
    """Not even a shell that says what the system is called; afterwards shells work as ever."""
    found = run(
        PUT_OFF
        + "import json, os, sys\n"
        + "from linda_bot.whatsapp.engine.late_imports import no_shells\n"
        + "started = []\n"
        + "watched = {'subprocess.Popen', 'os.fork', 'os.posix_spawn'}\n"
        + "sys.addaudithook(lambda event, _: started.append(event) if event in watched else None)\n"
        + "with no_shells():\n"
        + "    import neonize.client\n"
        + "quiet = not started\n"
        + "print(json.dumps({'quiet': quiet, 'said': os.popen('echo hello').read()}))\n"
    )

    assert found == {"quiet": True, "said": "hello\n"}
