"""One JupyterHub for a class of "Backprop by Hand": the machine's accounts, nbgrader's exchange, no internet needed.

    jupyterhub --config jupyterhub_config.py        as root, after ./set_up

Who is in the class stands in people.csv, what the server is in hub.toml.
"""

import os
import signal
import sys
from pathlib import Path

from byhand.hub import find_proxy, read_people, read_settings

c = get_config()  # noqa: F821 # pyright: ignore[reportUndefinedVariable] - JupyterHub puts it here

# A hub that a script has started in the background ignores interrupts, and so do the services that it starts: asked by one to
# end, each would be waited for half a minute.
signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
settings, people = read_settings(HERE), read_people(HERE)
instructors = {person.account for person in people if person.role == "instructor"}
data, port = Path(settings["data"]), settings["port"]
state = data / "hub"  # database, cookie secret: root alone

# Addresses. Browsers see the proxy alone.
secure = bool(settings["certificate"])
c.JupyterHub.bind_url = f"{'https' if secure else 'http'}://{settings['address']}:{port}"
if secure:
    c.JupyterHub.ssl_cert, c.JupyterHub.ssl_key = settings["certificate"], settings["key"]
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{port + 1}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{port + 2}"
c.ConfigurableHTTPProxy.command = [find_proxy(settings)]
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{state / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")

# Who may in: those of people.csv, with the password of their account.
c.JupyterHub.authenticator_class = "pam"
c.PAMAuthenticator.open_sessions = False
c.Authenticator.allowed_users = {person.account for person in people}
c.Authenticator.allow_existing_users = False  # who is taken out of people.csv is out

# A server for each person, under the person's account. What keeps one from another's files is the mode 0700 of their homes.
environment = {
    "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",  # nbgrader calls alembic by name
    "OMP_NUM_THREADS": "1",  # a class's kernels would only fight over the cores
    "BYHAND_EXCHANGE": str(data / "exchange"),
    "BYHAND_HANDOUT": str(data / "handout" / "course.zip"),
}
c.Spawner.cmd = [sys.executable, "-m", "byhand.hub.own_server"]  # makes the copy of the course, then becomes the server
c.Spawner.environment = {**environment, "JUPYTER_CONFIG_PATH": f"{HERE / 'student'}:{HERE / 'everyone'}"}
c.Spawner.args = ["--ServerApp.ip=127.0.0.1"]
c.Spawner.default_url = "/lab/tree/backprop-by-hand/course/start.ipynb"
c.Spawner.notebook_dir = "~"
c.Spawner.mem_limit = settings["memory"]
c.Spawner.http_timeout = c.Spawner.start_timeout = 120
if Path("/run/systemd/system").is_dir():
    c.JupyterHub.spawner_class = "systemd"
    c.SystemdSpawner.isolate_tmp = True
else:
    c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"

# One server for the class, under an account of its own, for all instructors: formgrader, terminal, marking page.
c.JupyterHub.services = [
    {
        "name": "class",
        "url": f"http://127.0.0.1:{port + 3}",
        "user": settings["account"],
        "cwd": os.path.expanduser(f"~{settings['account']}/course"),
        "command": [
            str(BIN / "jupyterhub-singleuser"),
            "--ServerApp.terminado_settings={'shell_command': ['/bin/bash']}",
        ],
        "environment": {
            **environment,
            "JUPYTER_CONFIG_PATH": f"{HERE / 'class'}:{HERE / 'everyone'}",
            "JUPYTERHUB_DEFAULT_URL": "/lab",
        },
        "oauth_no_confirm": True,
        "timeout": 300,  # seconds until it has to answer: on a busy machine a server takes longer than the usual 30 to start
    },
    {
        "name": "idle",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={60 * settings['idle_minutes']}"],
    },
]
c.JupyterHub.load_roles = [
    # Named one by one, not as a group: the hub takes away from whoever is no longer on the list.
    {"name": "instructors", "users": sorted(instructors), "scopes": ["access:services!service=class"]},
    {
        "name": "idle",
        "services": ["idle"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
]


def first_page(handler):
    """An instructor comes to the class's server, a student to the own one."""
    user = handler.current_user
    return "/services/class/lab" if user and user.name in instructors else "/hub/spawn"


c.JupyterHub.default_url = first_page

# What a school sets otherwise stands in a file of its own, which `byhand hub` leaves alone.
if (HERE / "local_config.py").is_file():
    load_subconfig("local_config.py", path=str(HERE))  # noqa: F821 # pyright: ignore[reportUndefinedVariable] - traitlets puts it here
