#!/usr/bin/env python3
"""Runs conformance cases with any builder and compares the results with what was recorded.

run.py --bases DIR [options] 'BUILDER COMMAND TEMPLATE' [CASE...]

The template is split like a shell command line; in it
  {dockerfile} {context}   paths of the prepared case
  {flags}                  docker-buildx-style flags made from case.json (as a word of its own)
  {out}                    where the OCI archive or layout, or docker-archive, has to be written
  {outopts}                further output options with a leading comma (",rewrite-timestamp=true"), else nothing
  {dir}                    scratch folder of this case
e.g. run.py --bases /tmp/b 'lap build -f {dockerfile} {flags} -o type=oci,dest={out}{outopts} {context}'

CASE: names or shell patterns of cases (default: all). See README.md for the case format.
With --owner UID an ordinary user can read what is prepared, and write beside it. With --twin TEMPLATE every
case that builds is built with both commands, from one time (SOURCE_DATE_EPOCH, rewrite-timestamp=true), and
the two results have to have one digest; nothing else is compared then.
With --pending FILE the cases that FILE lists have to be refused: exit 1, a message, no crash; those
with `differs` behind the name may be built to another result. One of them that passes is a failure
too, so the list can only shrink.
"""
import argparse, fnmatch, functools, http.server, json, os, re, shlex, shutil, stat, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor
sys.dont_write_bytecode = True
import compare

HERE = os.path.dirname(os.path.abspath(__file__))
HTTP_PORT = 48123
MTIME = 1577934245                          # 2020-01-02 03:04:05 UTC: what every file of a prepared case gets
HTTP_DATE = "Thu, 02 Jan 2020 03:04:05 GMT"


# -- preparing ---------------------------------------------------------------------------------

def normalise(root):
    """modes and times that do not depend on the checkout"""
    for folder, dirs, files in os.walk(root, topdown=False):
        for name in files + dirs:
            p = os.path.join(folder, name)
            if not os.path.islink(p):
                st = os.stat(p)
                os.chmod(p, 0o755 if stat.S_ISDIR(st.st_mode) or st.st_mode & 0o100 else 0o644)
            os.utime(p, (MTIME, MTIME), follow_symlinks=False)
    os.chmod(root, 0o755)
    os.utime(root, (MTIME, MTIME))


def settle_times(root):
    """setup.sh may choose times; whatever it left at 'now' gets the fixed one"""
    recent = time.time() - 86400
    for folder, dirs, files in os.walk(root, topdown=False):
        for name in files + dirs + ["."]:
            p = os.path.join(folder, name)
            if os.lstat(p).st_mtime > recent:
                os.utime(p, (MTIME, MTIME), follow_symlinks=False)


def prepare(case, work, bases):
    """copies the case into work; returns (folder, case.json)"""
    d = os.path.join(work, "case")
    shutil.copytree(case, d, symlinks=True)
    with open(os.path.join(d, "case.json")) as f:
        spec = json.load(f)
    os.makedirs(os.path.join(d, "context"), exist_ok=True)
    normalise(d)
    setup = os.path.join(d, "setup.sh")
    if os.path.exists(setup):
        env = {**os.environ, "CASE": d, "BASES": bases, "OCI": os.path.join(HERE, "../bases/oci.py"), "LC_ALL": "C.UTF-8"}
        subprocess.run(["sh", "-eu", setup], cwd=os.path.join(d, "context"), env=env, check=True, preexec_fn=lambda: os.umask(0o022))
        settle_times(d)
    return d, spec


def give(root, owner):
    """to the user, with all modes and capabilities, which a change of the owner takes away"""
    for folder, _, files in os.walk(root, topdown=False):
        for p in [os.path.join(folder, name) for name in files] + [folder]:
            st = os.lstat(p)
            link = stat.S_ISLNK(st.st_mode)
            kept = [] if link else [(n, os.getxattr(p, n)) for n in os.listxattr(p) if n == "security.capability"]
            os.lchown(p, owner, owner)
            if not link:
                os.chmod(p, stat.S_IMODE(st.st_mode))
            for n, v in kept:
                os.setxattr(p, n, v)
    for folder, dirs, _ in os.walk(root):
        for name in dirs:                   # links to folders are not walked into
            p = os.path.join(folder, name)
            if os.path.islink(p):
                os.lchown(p, owner, owner)


BASES = {"busybox": ("busybox", "latest"), "debian": ("debian:trixie-slim", "trixie-slim")}


def base_contexts(spec, bases):
    """--build-context flags that replace the base images, for a builder that has no registry to ask"""
    for b in spec.get("bases", []):
        name, tag = BASES.get(b, (None, None))
        if name and name not in spec.get("build_contexts", {}):
            yield from ("--build-context", f"{name}=oci-layout://{bases}/oci/{b}:{tag}")


def flags(spec, d, bases=None):
    out = list(base_contexts(spec, bases)) if bases else []
    for k, v in spec.get("args", {}).items():
        out += ["--build-arg", f"{k}={v}"]
    for k, v in spec.get("labels", {}).items():
        out += ["--label", f"{k}={v}"]
    for k, v in spec.get("build_contexts", {}).items():
        scheme, sep, rest = v.rpartition("://")
        local = sep == "" or scheme == "oci-layout"
        out += ["--build-context", f"{k}={scheme}{sep}{os.path.join(d, rest) if local else rest}"]
    for k, v in spec.get("secrets", {}).items():
        p = os.path.join(d, f"secret-{k}")
        with open(p, "w") as f:
            f.write(v)
        out += ["--secret", f"id={k},src={p}"]
    for k in ("target", "network", "platform"):
        if spec.get(k):
            out += [f"--{k}", spec[k]]
    for h in spec.get("add_hosts", []):
        out += ["--add-host", h]
    if spec.get("no_cache"):
        out += ["--no-cache"]
    return out


def command(template, spec, d, work, out, bases=None):
    outopts = "".join(f",{k}={v}" for k, v in spec.get("output", {}).items())
    values = {"dockerfile": os.path.join(d, spec.get("dockerfile", "Dockerfile")), "context": os.path.join(d, "context"),
              "out": out, "outopts": outopts, "dir": work}
    words = []
    for w in shlex.split(template):
        words += flags(spec, d, bases) if w == "{flags}" else [re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), w)]
    return words


# -- http sources ------------------------------------------------------------------------------

class Files(http.server.BaseHTTPRequestHandler):
    """GET /CASE/NAME: the file http/NAME of a prepared case, or what case.json says in http[NAME]"""
    roots = {}                              # case -> (folder, {name: {status, headers, file}})

    def do_GET(self):
        _, case, name = (self.path.split("?")[0].split("/", 2) + ["", ""])[:3]
        folder, rules = self.roots.get(case, ("/nonexistent", {}))
        rule = rules.get(name, {})
        path = os.path.join(folder, "http", rule.get("file", name))
        found = os.path.isfile(path)
        body = open(path, "rb").read() if found else b"not found\n"
        head = {"Last-Modified": HTTP_DATE, "Content-Type": "application/octet-stream", **rule.get("headers", {})}
        self.send_response(rule.get("status", 200 if found else 404))
        for k, v in head.items():
            if v is not None:
                self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *a):
        pass


def serve():
    s = http.server.ThreadingHTTPServer(("127.0.0.1", HTTP_PORT), Files)
    threading.Thread(target=s.serve_forever, daemon=True).start()


# -- two builders ------------------------------------------------------------------------------

EPOCH = "1577934245"


def manifest(out):
    image = compare.Image(out)
    return json.loads(image.read("index.json"))["manifests"][0]["digest"]


def judge_twins(a, spec, d, work):
    """what two commands make of a case: one digest, or a refusal of both"""
    spec = {**spec, "output": {**spec.get("output", {}), "rewrite-timestamp": "true"}, "env": {"SOURCE_DATE_EPOCH": EPOCH, **spec.get("env", {})}}
    if spec.get("args", {}).get("SOURCE_DATE_EPOCH") == "":
        return []                           # the case says that the image is from now
    made = []
    for number, template in enumerate((a.template, a.twin)):
        out = os.path.join(work, f"out{number}")
        rc, log = run_builder(command(template, spec, d, work, out, a.contexts and a.bases), spec, a.timeout)
        made.append((manifest(out) if rc == 0 else None, log))
    (one, log), (two, other) = made
    if one == two:
        return []
    tail = [x for x in (log if one is None else other).strip().splitlines()[-a.tail:]] if None in (one, two) else []
    return [f"{one} with the first command, {two} with the second", *("  | " + x for x in tail)]


# -- running -----------------------------------------------------------------------------------

def run_builder(words, spec, timeout):
    env = {**os.environ, **spec.get("env", {})}
    try:
        p = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, timeout=timeout)
    except subprocess.TimeoutExpired as e:
        return 124, (e.stdout or b"").decode(errors="replace") + f"\ntimed out after {timeout} s"
    return p.returncode, p.stdout.decode(errors="replace")


def judge_failure(expect, rc, log, ignore):
    if rc == 0:
        return ["should fail, but succeeded"]
    out = []
    if rc == 124:
        out.append("timed out instead of failing")
    if "message" not in ignore and not re.search(expect["match"], log, re.I):
        out.append(f"fails, but the message does not match /{expect['match']}/")
    lines = expect.get("line")
    # in words, or underlined in an excerpt
    if lines and "line" not in ignore and not any(re.search(rf"(?:line |:){n}\b|^[ |]*{n} │ .*\n[ |]*·", log, re.M) for n in lines):
        out.append(f"fails, but the message does not name line {lines}")
    return out


def judge_pending(lines, rc, log, may_differ):
    """a case that needs what the builder does not have yet: it has to be refused, never half done"""
    if not lines:
        return ["passes, but is listed as pending: take it off the list"]
    if rc == 0 and may_differ:
        return []
    if rc == 0:
        return ["is pending, but was built with another result instead of being refused", *lines]
    if rc != 1 or not log.strip() or "panicked at" in log:
        return [f"is pending, but is not refused cleanly (exit {rc})", *lines]
    return []


def judge(a, name, expect, rc, log, out):
    if expect.get("error"):
        lines = judge_failure(expect, rc, log, a.ignore.split(","))
    elif rc != 0:
        lines = [f"builder exited {rc}"]
    else:
        lines = compare.differences(out, expect, a.bases, a.ignore.split(","))
        lines = [x for x in lines if not (a.overlook and re.search(a.overlook, x))]
    if name in a.pending:
        lines = judge_pending(lines, rc, log, a.pending[name] == "differs")
    if lines and (a.verbose or expect.get("error") or rc != 0):
        lines += ["  | " + x for x in log.strip().splitlines()[-a.tail:]]
    return lines


def run_case(a, path):
    name = os.path.basename(path)
    with open(os.path.join(path, "expect.json")) as f:
        expect = json.load(f)
    work = tempfile.mkdtemp(prefix=f"{name}.", dir=a.tmp)
    try:
        d, spec = prepare(path, work, a.bases)
        Files.roots[name] = (d, spec.get("http", {}))
        if a.owner is not None:
            give(work, a.owner)
        if a.twin:
            return name, [] if expect.get("error") or name in a.pending else judge_twins(a, spec, d, work)
        out = os.path.join(work, "out")
        rc, log = run_builder(command(a.template, spec, d, work, out, a.contexts and a.bases), spec, a.timeout)
        lines = judge(a, name, expect, rc, log, out)
        return name, lines
    except Exception as e:
        return name, [f"{type(e).__name__}: {e}"]
    finally:
        if not a.keep:
            shutil.rmtree(work, ignore_errors=True)


def pending(path):
    """a list of names, one a line, with `differs` or nothing behind each; `#` starts a remark"""
    with open(path) as f:
        lines = [line.split("#")[0].split() for line in f]
    return {words[0]: " ".join(words[1:]) for words in lines if words}


def cases(root, wanted):
    found = sorted(n for n in os.listdir(root) if os.path.exists(os.path.join(root, n, "expect.json")))
    picked = [n for n in found if not wanted or any(fnmatch.fnmatch(n, w) for w in wanted)]
    if not picked:
        sys.exit(f"no case in {root} matches")
    return [os.path.join(root, n) for n in picked]


def arguments(parser=None):
    ap = parser or argparse.ArgumentParser(usage=__doc__)
    ap.add_argument("template"), ap.add_argument("case", nargs="*")
    ap.add_argument("--bases", required=True, help="folder made by bases/make-bases.sh")
    ap.add_argument("--contexts", action="store_true", help="give the base images as --build-context NAME=oci-layout://...")
    ap.add_argument("--cases", default=HERE, help="folder of the cases (default: here)")
    ap.add_argument("--ignore", default="", help="parts not to compare: " + ",".join(compare.PARTS) + "; of failures: message,line")
    ap.add_argument("--pending", type=pending, action="append", help="list of the cases that have to be refused; may be given again")
    ap.add_argument("--overlook", metavar="REGEX", help="differences not to count")
    ap.add_argument("--owner", type=int, metavar="UID", help="whose the prepared cases are")
    ap.add_argument("--twin", metavar="TEMPLATE", help="another command, whose results have to have the same digests")
    ap.add_argument("--timeout", type=int, default=180), ap.add_argument("-j", "--jobs", type=int, default=2)
    ap.add_argument("--tmp", help="where to prepare cases"), ap.add_argument("--keep", action="store_true")
    ap.add_argument("--tail", type=int, default=8, help="lines of builder output to show")
    ap.add_argument("-v", "--verbose", action="store_true", help="builder output for every failed case")
    return ap


def main():
    a = arguments().parse_intermixed_args()
    a.bases = os.path.abspath(a.bases)
    a.pending = {name: how for names in a.pending or [] for name, how in names.items()}
    unknown = sorted(n for n in a.pending if not os.path.isdir(os.path.join(a.cases, n)))
    if unknown:
        sys.exit("pending, but there is no such case: " + " ".join(unknown))
    picked = cases(a.cases, a.case)
    serve()
    failed = held = 0
    with ThreadPoolExecutor(a.jobs) as pool:
        for name, lines in pool.map(functools.partial(run_case, a), picked):
            failed += bool(lines)
            held += not lines and name in a.pending
            word = "FAIL" if lines else "pend" if name in a.pending else "ok  "
            print(f"{word} {name}", *("     " + x for x in lines), sep="\n", flush=True)
    waiting = f", {held} pending" if a.pending else ""
    print(f"{len(picked) - failed - held} passed, {failed} failed{waiting}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
