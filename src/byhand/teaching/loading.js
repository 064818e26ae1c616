// In the notebook's window: what is being loaded, in words, and then what the next cells will want, while the first is read.
(() => {
  const WARM = `def byhand_warm(): # a function, since a student's own tqdm must stay what it is
    import matplotlib.pyplot, ipywidgets, tqdm.auto
byhand_warm()
del byhand_warm
get_ipython().Completer.use_jedi = False`;
  const STOP = ".byhand-stop"; // the file beside the notebook with which a cell is interrupted
  const READING = 8000; // milliseconds in which nobody has written an answer yet, but a check may be run
  const FIRST = 60; // seconds after which it is said that something is slow
  const bar = document.createElement("div");
  bar.id = "byhand-loading";
  bar.innerHTML = '<span role="status"></span> <span aria-hidden="true"></span>';
  const [says, clock] = bar.children;
  const style = document.createElement("style");
  style.textContent = `#byhand-loading{position:fixed;left:0;right:0;bottom:0;z-index:10000;padding:.55em 1em;text-align:center;
    font:15px/1.4 system-ui,sans-serif;background:#4a2a7b;color:#fff}#byhand-loading[hidden]{display:none}`;
  const start = performance.now();
  const tell = (text) => { if (says.textContent !== text) says.textContent = text; };

  const kernel = () => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel;
  const look = () => {
    const seconds = Math.round((performance.now() - start) / 1000);
    clock.textContent = `${seconds} s`;
    const status = kernel()?.status;
    if (status === "idle" || status === "busy") {
      tell("Python is ready.");
      document.documentElement.dataset.byhand = "ready";
      clearInterval(timer);
      setTimeout(() => kernel()?.requestExecute({ code: WARM, silent: true, store_history: false }), READING);
      takeAway(); // of a window that was closed while a cell ran
      jupyterapp.commands.commandExecuted.connect((_, { id }) => id === "notebook:interrupt-kernel" && interrupt());
      setTimeout(() => (bar.hidden = true), 4000);
    } else if (status === "dead") {
      tell("Python could not be started. Reload the page; if that does not help, the file of the page may be incomplete.");
    } else if (seconds > FIRST) {
      tell("Python is still being loaded. The first time takes longest: about 34 MB, which the browser then keeps.");
    } else if (!document.querySelector(".jp-Notebook .jp-Cell")) {
      tell("Opening the notebook.");
    } else tell("Loading Python, about 34 MB the first time. You can read and write already.");
  };
  // JupyterLite cannot interrupt a cell. A progress bar looks for the file (in_kernel.py), and stops where it is there.
  const contents = () => jupyterapp.serviceManager.contents;
  const stop = () => jupyterapp.shell.currentWidget.context.path.replace(/[^/]*$/, STOP);
  const takeAway = () => contents().delete(stop()).catch(() => {}); // where it is there
  const interrupt = async () => {
    const running = kernel();
    if (running?.status !== "busy") return;
    await contents().save(stop(), { type: "file", format: "text", content: "" });
    tell("A cell with a progress bar stops when the bar moves on. Any other goes on: Kernel, Restart Kernel ends it.");
    clock.textContent = "";
    bar.hidden = false;
    const ended = () => {
      if (running.status === "busy") return;
      running.statusChanged.disconnect(ended);
      takeAway();
      bar.hidden = true;
    };
    running.statusChanged.connect(ended);
    ended(); // the cell may have ended meanwhile
  };
  const timer = setInterval(look, 250);
  const show = () => { document.head.append(style); document.body.append(bar); look(); };
  if (document.body) show();
  else addEventListener("DOMContentLoaded", show);
})();
