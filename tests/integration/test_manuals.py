# SPDX-License-Identifier: Apache-2.0
"""What the programs say of their options, what the manual pages say, and what shells complete must be the same. That
--help has all that the parser knows is a test of its own (unit/test_smi_options); here --help is the measure."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import harness

TT_SMI = str(harness.BIN / "tt-smi")
SERVER = str(harness.BIN / "tt-allocation-server")
PAGES = harness.SRC / "docs" / "man"
SHELLS = ("bash", "zsh", "fish")
OPTION = re.compile(r"^  (-\S.*?)(?:  |$)", re.M)  # a line of --help that explains an option
NAME = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
OPTION_ALONE = re.compile(r"(-\w, )?--?[\w-]+")  # without a value
VALUES = {"SEC": "1", "MS": "500", "DEV[,DEV...]": "0", "PID": "1", "R": "dram", "N": "1", "ORDER": "size",
          "FIELDS": "pid", "FORMAT": "csv", "WHEN": "never", "PATH": "/nonexistent", "DIR": "/", "SHELL": "zsh", "POOL=SIZE": "dram=10G", "CLASS": "any", "CODE": "99", "FILE": "/dev/null",
          "SYSTEM": "github", "STORY": "leak"}


def output(*command):
    result = harness.run(command)
    assert result.returncode == 0, (command, result.stderr)
    return result.stdout


def section(text, title):
    """Of a help: the lines below a title, up to the next one."""
    return re.search(rf"^{title}:\n((?:  .*\n)+)", text, re.M).group(1)


class Page:
    """A manual page's source."""

    def __init__(self, name):
        self.source = (PAGES / f"{name}.scd").read_text()
        # Terms are lines before an indented one.
        self.terms = [self._plain(term) for term in re.findall(r"^([*_].*)\n\t", self.source, re.M)]

    @staticmethod
    def _plain(text):
        return re.sub(r"(?<!\w)_|_(?!\w)|[*\\]", "", text)

    def options(self):
        return [term for term in self.terms if term.startswith("-")]

    def section(self, title):
        return Page._plain(re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", self.source, re.M | re.S).group(1))


class Agreement(unittest.TestCase):
    def test_options_of_tt_smi(self):
        options = OPTION.findall(output(TT_SMI, "--help"))
        self.assertGreater(len(options), 20)
        self.assertEqual(Page("tt-smi.1").options(), options)

    def test_verbs_and_exit_codes_of_tt_smi(self):
        text, page = output(TT_SMI, "--help"), Page("tt-smi.1")
        verbs = [line.split()[0] for line in section(text, "Verbs").splitlines()][1:]
        self.assertEqual([term for term in page.terms if term in verbs], verbs)
        self.assertEqual(re.findall(r"^([\w-]+)\n\t", page.section("VERBS"), re.M), verbs)
        codes = sorted({line.split()[0] for line in section(text, "Exit status").splitlines()}, key=int)
        self.assertEqual(re.findall(r"^(\d+)\n\t", page.section("EXIT STATUS"), re.M), codes)

    def test_short_help_names_all(self):
        short = output(TT_SMI, "-h")
        for option in OPTION.findall(output(TT_SMI, "--help")):
            self.assertIn(f" {option.split(', ')[0].split()[0]}", short)

    def test_server(self):
        text, page = output(SERVER, "--help"), Page("tt-allocation-server.8")
        self.assertEqual(page.options(), OPTION.findall(text))
        codes = re.findall(r"(\d) \w", text[text.index("Exit status") :])
        self.assertEqual(re.findall(r"^(\d+)\n\t", page.section("EXIT STATUS"), re.M), codes)

    def test_every_option_of_the_page_is_known(self):
        for term in Page("tt-smi.1").options():
            names, _, value = term.rpartition(" ") if not OPTION_ALONE.fullmatch(term) else (term, "", "")
            value = [] if not value or value.startswith("[") else [VALUES[value]]
            for name in names.split(", "):
                result = harness.run([TT_SMI, name, *value, "--version"])
                self.assertEqual((result.returncode, result.stderr), (0, ""), name)

    def test_library(self):
        page, header = Page("libtt-alloc.3"), (harness.SRC / "client" / "tt_alloc.h").read_text()
        for name in re.findall(r"\btt_alloc_[a-z_]+\b", page.source.replace("tt_alloc.h", "")):
            self.assertIn(name, header)
        variables = set(re.findall(r"^(TT_ALLOC_[A-Z_]+)\n\t", page.section("ENVIRONMENT"), re.M))
        used = set()
        for source in (harness.SRC / "client").glob("*.c"):
            used.update(re.findall(r'getenv\("(\w+)"\)', source.read_text()))
        self.assertEqual(variables, used)

    def test_example_of_the_library_compiles(self):
        compiler = shutil.which("cc")
        if not compiler:
            self.skipTest("there is no cc here")
        code = re.findall(r"^```\n(.*?)^```$", Page("libtt-alloc.3").source, re.M | re.S)[-1]
        result = subprocess.run(
            [compiler, "-fsyntax-only", "-Wall", "-Werror", "-I", harness.SRC / "client", "-I", harness.SRC / "protocol",
             "-x", "c", "-"], input=code, text=True, capture_output=True)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_pages_are_well_formed(self):
        if not shutil.which("scdoc"):
            self.skipTest("there is no scdoc here")
        for source in PAGES.glob("*.scd"):
            page = subprocess.run(["scdoc"], input=source.read_bytes(), capture_output=True)
            self.assertEqual((page.returncode, page.stderr), (0, b""), source.name)
            if shutil.which("mandoc"):
                self.check_with_mandoc(source.name, page.stdout)

    def check_with_mandoc(self, name, page):
        lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning"], input=page, capture_output=True).stdout.decode()
        # How scdoc parts paragraphs; harmless, and not ours.
        found = [line for line in lint.splitlines() if "skipping paragraph macro" not in line or "br before" in line]
        self.assertEqual(found, [], name)


class Completion(unittest.TestCase):
    def setUp(self):
        self.scripts = {shell: output(TT_SMI, f"--completion={shell}") for shell in SHELLS}
        self.help = output(TT_SMI, "--help")

    def bash(self, *words):
        """What bash offers for the last of the words."""
        quoted = " ".join(f"'{word}'" for word in words)
        script = f"""{self.scripts["bash"]}
COMP_WORDS=(tt-smi {quoted}) COMP_CWORD={len(words)}
"$(complete -p tt-smi | sed 's/.*-F \\([^ ]*\\) .*/\\1/')" tt-smi "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
        # No startup files, no aliases: what is tested is the script.
        result = harness.run(["bash", "--norc", "-c", script])
        self.assertEqual((result.returncode, result.stderr), (0, ""), words)
        return result.stdout.split()

    def test_scripts_name_everything(self):
        verbs = [line.split()[0] for line in section(self.help, "Verbs").splitlines()][1:]
        for option in OPTION.findall(self.help):
            for name in NAME.findall(option):
                spelled = f"-l {name[2:]} " if name.startswith("--") else f"-s {name[1:]} "
                self.assertIn(spelled, self.scripts["fish"])
                self.assertRegex(self.scripts["zsh"], rf"[ ({{,]{name}\b")
                if name.startswith("--") or ", " not in option:
                    self.assertRegex(self.scripts["bash"], rf"[ ']{name}[ ')]")
        for verb in verbs:
            for shell in SHELLS:
                self.assertRegex(self.scripts[shell], rf"\b{verb}\b")

    def test_scripts_name_nothing_else(self):
        names = {name for option in OPTION.findall(self.help) for name in NAME.findall(option)}
        offered = {
            "bash": {name for name in NAME.findall(re.sub(r"(?m)^#.*$", "", self.scripts["bash"])) if name[1] == "-"},
            "zsh": set(re.findall(r"--[a-z][\w-]*(?=[=}'])", self.scripts["zsh"])),
            "fish": {f"--{name}" for name in re.findall(r"^complete .* -l ([\w-]+)", self.scripts["fish"], re.M)},
        }
        for shell in SHELLS:
            self.assertEqual(offered[shell] - names, set(), shell)
            self.assertGreater(len(offered[shell]), 20, shell)

    def test_they_are_what_is_installed(self):
        build = harness.BIN.parent
        if not (build / "CMakeCache.txt").exists():
            self.skipTest(f"{build} is no build directory")
        rules = (build / "smi" / "cmake_install.cmake").read_text()
        for shell, place in (("bash", "bash-completion/completions/tt-smi"), ("zsh", "zsh/site-functions/_tt-smi"),
                             ("fish", "fish/vendor_completions.d/tt-smi.fish")):
            directory, name = place.rsplit("/", 1)
            self.assertRegex(rules, rf"share/{directory}.*/{name}\"")
            self.assertEqual((build / "smi" / "completions" / name).read_text(), self.scripts[shell])

    def test_bash_options(self):
        self.assertEqual(self.bash("--re"), ["--region"])
        self.assertEqual(self.bash("top", "--ea"), ["--each"])
        self.assertEqual(self.bash("leaks", "--ea"), [])
        self.assertEqual(self.bash("-w", "--query-p"), ["--query-processes"])
        self.assertEqual(self.bash("run", "--leaks", "a"), ["any"])
        self.assertNotIn("--reset", self.bash("-"))
        names = set().union(*(self.bash(*verb, "-") for verb in ((), ("top",), ("run",), ("forget",))))
        self.assertEqual({option.split(", ")[-1].split()[0] for option in OPTION.findall(self.help)}, names)

    def test_bash_verbs(self):
        self.assertEqual(self.bash(""), ["leaks", "exited", "top", "doctor", "run", "reset-peaks", "forget"])
        self.assertEqual(self.bash("-w", "ex"), ["exited"])
        self.assertEqual(self.bash("--help", "do"), ["doctor"])

    def test_bash_values(self):
        regions = ["dram", "l1", "l1_small", "trace", "cb", "system_memory", "kernel"]
        self.assertEqual(self.bash("--region", ""), regions)
        self.assertEqual(self.bash("--region", "="), regions)
        self.assertEqual(self.bash("--region", "=", "l1_"), ["l1_small"])
        self.assertEqual(self.bash("top", "--by", "a"), ["age"])
        self.assertIn("root", self.bash("-u", "roo"))
        self.assertEqual(self.bash("-u", "--jso"), ["--json"])
        self.assertIn(str(os.getpid()), self.bash("--pid", ""))
        self.assertEqual(self.bash("-n", ""), [])
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "s.sock").touch()
            pathlib.Path(directory, "sub").mkdir()
            self.assertEqual(sorted(self.bash("--socket", f"{directory}/s")),
                             [f"{directory}/s.sock", f"{directory}/sub"])
            self.assertEqual(self.bash("--root", f"{directory}/s"), [f"{directory}/sub"])

    def test_bash_lists(self):
        """Devices with commas between; the directory of the test stands for /dev/tenstorrent."""
        with tempfile.TemporaryDirectory() as directory:
            for name in ("0", "1", "12", "by-id"):
                pathlib.Path(directory, name).touch()
            self.scripts["bash"] = self.scripts["bash"].replace("/dev/tenstorrent", directory)
            self.assertEqual(sorted(self.bash("-d", "")), ["0", "1", "12"])
            self.assertEqual(sorted(self.bash("--device", "0,1")), ["0,1", "0,12"])

    def test_syntax(self):
        for shell in SHELLS:
            if shutil.which(shell):
                result = subprocess.run([shell, "-n"], input=self.scripts[shell], text=True, capture_output=True)
                self.assertEqual((result.returncode, result.stderr), (0, ""), shell)

    def test_fish_completes(self):
        if not shutil.which("fish"):
            self.skipTest("there is no fish here")
        for line, expected in (("tt-smi --re", "--region"), ("tt-smi ex", "exited"), ("tt-smi top --ea", "--each"),
                               ("tt-smi --region l1_", "l1_small")):
            result = subprocess.run(["fish", "--no-config", "-c", f"{self.scripts['fish']}\ncomplete -C '{line}'"],
                                    text=True, capture_output=True, timeout=harness.PATIENCE)
            self.assertEqual([word.split("\t")[0] for word in result.stdout.splitlines()], [expected], result.stderr)


if __name__ == "__main__":
    unittest.main()
