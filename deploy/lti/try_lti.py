"""Launches of a small learning platform against local_config.py, on this machine: what is let in, and what is not.

    python try_lti.py        needs jupyterhub, jupyterhub-ltiauthenticator and configurable-http-proxy; no root, no accounts

The platform is a web server with a key of its own. It answers the hub's question who somebody is with a signed token, right or wrong.
"""

import http.server
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

PLATFORM, HUB, CLIENT = "http://127.0.0.1:18090", "http://127.0.0.1:18100", "byhand"
CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
KEY, STRANGER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
PEOPLE = "account,role,name,platform_id\nmpoe,instructor,Mary Poe,17\nu1234,student,Ada L.,18\n"


class Jwks(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())) | {
            "kid": "1",
            "alg": "RS256",
            "use": "sig",
        }
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"keys": [key]}).encode())

    def log_message(self, *_):
        pass


def token(nonce, **other):
    now = int(time.time())
    claims = {
        "iss": PLATFORM, "aud": CLIENT, "sub": "18", "nonce": nonce, "iat": now, "exp": now + 300,
        f"{CLAIM}/message_type": "LtiResourceLinkRequest", f"{CLAIM}/version": "1.3.0", f"{CLAIM}/deployment_id": "1",
        f"{CLAIM}/target_link_uri": f"{HUB}/hub/", f"{CLAIM}/resource_link": {"id": "1"}, f"{CLAIM}/roles": [],
        f"{CLAIM}/context": {"id": "1", "label": "NN"},
    }  # fmt: skip
    return claims | other


def launch(key=KEY, state=None, **claims):
    """What the hub answers to a launch, and as whom one is then signed in."""
    browser = requests.Session()
    begin = {"iss": PLATFORM, "login_hint": "18", "target_link_uri": f"{HUB}/hub/", "client_id": CLIENT}
    asked = browser.get(f"{HUB}/hub/lti13/oauth_login", params=begin, allow_redirects=False)
    question = {name: value[0] for name, value in parse_qs(urlparse(asked.headers["Location"]).query).items()}
    assert asked.headers["Location"].startswith(f"{PLATFORM}/mod/lti/auth.php?"), asked.headers
    signed = jwt.encode(token(question["nonce"]) | claims, key, "RS256", headers={"kid": "1"})
    form = {"id_token": signed, "state": state or question["state"]}
    answer = browser.post(question["redirect_uri"], data=form, allow_redirects=False)
    home = browser.get(f"{HUB}/hub/home", allow_redirects=False).text
    who = re.search(r'user: "([^"]+)"', home)
    return answer.status_code, who and who[1]


def main():
    threading.Thread(target=http.server.HTTPServer(("127.0.0.1", 18090), Jwks).serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        text = (Path(__file__).parent / "local_config.py").read_text()
        for old, new in {
            "https://moodle.example.edu": PLATFORM, "the client id that the platform gave the tool": CLIENT, '"https"': '"http"',
        }.items():  # fmt: skip
            assert old in text
            text = text.replace(old, new)
        (folder / "local_config.py").write_text(text)
        (folder / "people.csv").write_text(PEOPLE)
        proxy = sys.argv[1] if sys.argv[1:] else shutil.which("configurable-http-proxy")
        (folder / "jupyterhub_config.py").write_text(
            f"c.JupyterHub.bind_url = {HUB!r}\nc.JupyterHub.hub_bind_url = 'http://127.0.0.1:18101'\n"
            f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:18102'\nc.ConfigurableHTTPProxy.command = [{proxy!r}]\n"
            "c.JupyterHub.spawner_class = 'simple'\nc.Authenticator.allowed_users = {'mpoe', 'u1234'}\n"
            f"c.Authenticator.allow_existing_users = False\nload_subconfig('local_config.py', path={scratch!r})\n"
        )
        command = [sys.executable, "-m", "jupyterhub", "--config", "jupyterhub_config.py"]
        with (folder / "log").open("w") as log:
            hub = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            while "JupyterHub is now running" not in (folder / "log").read_text():
                assert hub.poll() is None, (folder / "log").read_text()
                time.sleep(0.2)
            for what, expected, found in (
                ("a student's launch", (302, "u1234"), launch()),
                ("an instructor's launch", (302, "mpoe"), launch(sub="17")),
                ("somebody of no class", (400, None), launch(sub="99")),
                ("signed with another key", (400, None), launch(STRANGER)),
                ("for another tool", (401, None), launch(aud="another")),
                ("of another platform", (400, None), launch(iss="http://127.0.0.1:1")),
                ("an old token", (400, None), launch(iat=1, exp=2)),
                ("a nonce that was not asked for", (400, None), launch(nonce=uuid.uuid4().hex)),
                ("a state of another browser", (400, None), launch(state="bm8=")),
            ):
                print(f"{what}: {found[0]}, signed in as {found[1]}")
                assert found == expected, (what, found, (folder / "log").read_text()[-3000:])
        finally:
            hub.terminate()
            hub.wait()


if __name__ == "__main__":
    main()
