"""Sign-in from the school's learning platform by LTI 1.3, in the place of passwords. Goes beside jupyterhub_config.py, as local_config.py.

Needs `pip install jupyterhub-ltiauthenticator==1.6.3` in the hub's environment, and a column `platform_id` in people.csv: the number by
which the platform knows a person (the `sub` of its tokens). Whoever is not in people.csv is not let in, whatever the platform says.

Run: against a small platform on one machine (try_lti.py beside this file), with jupyterhub 6.1.1.
Not run: against Moodle, Canvas or any other real platform. Their addresses below are from their documentation.

In the platform, register an external tool (LTI 1.3) with
    initiate login    https://HUB/hub/lti13/oauth_login
    redirect          https://HUB/hub/lti13/oauth_callback
    target link       https://HUB/hub/
"""

import csv
from pathlib import Path

from ltiauthenticator.lti13.auth import LTI13Authenticator
from ltiauthenticator.lti13.error import LoginError

c = get_config()  # noqa: F821 - JupyterHub puts it here

PLATFORM = "https://moodle.example.edu"  # what the platform calls itself, letter by letter
c.LTI13Authenticator.issuer = PLATFORM
c.LTI13Authenticator.authorize_url = f"{PLATFORM}/mod/lti/auth.php"  # Canvas: /api/lti/authorize_redirect
c.LTI13Authenticator.jwks_endpoint = f"{PLATFORM}/mod/lti/certs.php"  # Canvas: /api/lti/security/jwks
c.LTI13Authenticator.client_id = {"the client id that the platform gave the tool"}
c.LTI13Authenticator.uri_scheme = "https"

people = Path(__file__).resolve().parent / "people.csv"
lines = [line for line in people.read_text(encoding="utf-8-sig").splitlines() if line.strip() and line[0] != "#"]
rows = csv.DictReader(lines, skipinitialspace=True)
accounts = {
    row["platform_id"].strip(): row["account"].strip() for row in rows if (row.get("platform_id") or "").strip()
}


class OfTheClass(LTI13Authenticator):
    """The account of people.csv that has the platform's number."""

    def get_username(self, token):
        try:
            return accounts[str(token["sub"])]
        except KeyError:
            raise LoginError("You are not in this class: ask your teacher.") from None


c.JupyterHub.authenticator_class = OfTheClass
