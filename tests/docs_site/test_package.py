"""The npm package holds everything it needs, its options are checked, and the judge of `make lighthouse` can refuse."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs_site.sample_site import HERE, NODE, PACKAGE, build_site, need_node_packages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SECONDS = 240
GOOD = '{site: "docs", collector: "https://feedback.example.com"}'


def run_node(code: str) -> subprocess.CompletedProcess[str]:
    """Runs a module in which `make` is the integration and `options` makes the checked options."""
    need_node_packages()
    imports = (
        f"import make from '{PACKAGE}/index.js'; import {{ readOptions as options }} from '{PACKAGE}/src/options.js';"
    )
    command = [str(NODE), "--input-type=module", "--eval", f"{imports}\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_the_judge_of_the_measurements_refuses_what_it_must() -> None:
    need_node_packages()
    done = subprocess.run([NODE, "--test", "lighthouse/judge.test.js"], cwd=HERE, capture_output=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout.decode()


def test_the_package_holds_the_script_and_the_widget(tmp_path: Path) -> None:
    need_node_packages()
    copy = tmp_path / "web" / "starlight"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("node_modules", "script-files"))
    shutil.copytree(PACKAGE.parent / "static", tmp_path / "web" / "static")
    command = ["npm", "pack", "--json", "--silent", "--pack-destination", str(tmp_path)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    (packed,) = json.loads(done.stdout[done.stdout.index("[") :])
    held = {entry["path"] for entry in packed["files"]}
    ours = {
        str(path.relative_to(PACKAGE)) for folder in ("src", "components") for path in (PACKAGE / folder).rglob("*.*")
    }
    assert ours | {"index.js", "index.d.ts", "README.md", "script-files/warroom.js", "script-files/widget.js"} <= held


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("{}", '"site" is the key of a site'),
        ('{site: "docs", collector: "feedback.example.com"}', '"collector" is the address of Warroom'),
        (GOOD.replace("}", ', colour: "red"}'), 'there is no option "colour"'),
        (GOOD.replace("}", ', forward: {path: "api"}}'), '"forward.path" is a path'),
        (GOOD.replace("}", ', experiments: {cta: ["a"]}}'), "at least two different variants"),
        (GOOD.replace("}", ', experiments: {cta: ["a", "<b>"]}}'), "small letters"),
        (GOOD.replace("}", ', keepVariants: "cookie"}'), "sessionStorage or localStorage"),
        (GOOD.replace("}", ', attributes: {onclick: "x"}}'), "no attribute data-"),
    ],
)
def test_a_wrong_option_is_named(wrong: str, words: str) -> None:
    done = run_node(f"try {{ options({wrong}); }} catch (error) {{ console.log(error.message); }}")
    assert words in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("site", "words"),
    [
        ("adapter: undefined", '"forward" needs a server adapter'),
        ("adapter: {name: 'x'}, trailingSlash: 'always'", '"forward" needs trailingSlash "ignore" or "never"'),
    ],
)
def test_a_site_that_cannot_pass_requests_on_is_told(site: str, words: str) -> None:
    config = f"{{base: '/', security: {{}}, build: {{assets: '_astro'}}, {site}}}"
    code = f"""
      const {{ hooks }} = make({{site: 'docs', collector: 'https://feedback.example.com', forward: true}});
      const nothing = () => {{}};
      const setup = {{config: {config}, command: 'build', updateConfig: nothing, addMiddleware: nothing}};
      hooks['astro:config:setup']({{...setup, injectRoute: nothing}});
      try {{ hooks['astro:config:done']({{config: setup.config, logger: console}}); }}
      catch (error) {{ console.log(error.message); }}"""
    assert words in run_node(code).stdout


def test_a_plain_astro_site_below_a_path_gets_the_tag_and_its_policy_knows_the_inline_script() -> None:
    built = build_site("plain")
    page = (built / "index.html").read_text("utf-8")
    head = page[: page.index("</head>")]
    tag = re.search(r'<script defer src="(/docs/(_astro/w\.[0-9a-f]{8}/docs\.js))"([^>]*)></script>', head)
    assert tag is not None, head
    assert 'data-api="https://feedback.example.com"' in tag[3]
    assert 'data-language="en &quot;UK&quot;"' in tag[3]
    assert (built / tag[2]).read_bytes() == (PACKAGE.parent / "static" / "warroom.js").read_bytes()
    assert {path.name for path in (built / tag[2]).parent.iterdir()} >= {"docs.js", "docs-extras.js", "widget.js"}
    assert f'<script defer src="{tag[1].replace(".js", "-extras.js")}"></script>' in head
    hash_of_snippet = run_node("console.log((await import('" + str(PACKAGE) + "/index.js')).EXPERIMENT_SNIPPET_HASH)")
    assert hash_of_snippet.stdout.strip() in html.unescape(head)
    assert '<script data-e="data-w-lead:2" data-k="sessionStorage">' in head
    assert page.count('data-warroom-experiment="lead"') == 2
    assert 'data-warroom-sequence="tour" data-warroom-step="1" data-warroom-steps="2"' in page
    assert 'action="https://feedback.example.com/feedback"' in page


def test_a_page_that_writes_no_head_gets_the_tag_all_the_same() -> None:
    page = (build_site("plain") / "bare" / "index.html").read_text("utf-8")
    assert page.count("data-site=") == 1, page
    assert page.index("http-equiv") < page.index("data-site=") < page.index("<h1>")
