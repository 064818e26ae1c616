// Exercises that are solved in the browser: the button, what is right so far, and the notebook to take away and to bring back.
// JupyterLite keeps files in this browser's IndexedDB; this reads the same store, and sends nothing to anyone.
(() => {
  const STORE = "Backprop by Hand";
  const root = document.documentElement.dataset.content_root ?? "./";

  // The store ------------------------------------------------------------------------------------

  const promised = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = request.onblocked = () => reject(request.error ?? new Error("blocked"));
    });

  const opened = (version, create) => {
    const request = indexedDB.open(STORE, version);
    request.onupgradeneeded = () => {
      if (create) request.result.createObjectStore("files");
      else request.transaction.abort(); // there is no store yet, and reading makes none
    };
    return promised(request);
  };

  /** What `action` makes of the store of files; undefined where there is none and none is to be made. */
  async function withFiles(mode, action) {
    const create = mode === "readwrite";
    let db;
    try {
      db = await opened(undefined, create);
    } catch (error) {
      if (error?.name === "AbortError") return undefined;
      throw error;
    }
    try {
      if (!db.objectStoreNames.contains("files")) {
        if (!create) return undefined;
        const version = db.version + 1;
        db.close();
        db = await opened(version, true);
      }
      return await promised(action(db.transaction("files", mode).objectStore("files")));
    } finally {
      db.close();
    }
  }

  /** What a file holds, which JupyterLite keeps as an object, as text, or, where Python has written it, in base64. */
  function read(file) {
    if (typeof file?.content !== "string") return file?.content;
    const bytes = () => Uint8Array.from(atob(file.content), (sign) => sign.charCodeAt(0));
    return JSON.parse(file.format === "base64" ? new TextDecoder().decode(bytes()) : file.content);
  }
  const kept = async (path) => read(await withFiles("readonly", (files) => files.get(path)));
  const forget = (path) => withFiles("readwrite", (files) => files.delete(path));

  function keep(path, notebook) {
    const now = new Date().toISOString();
    const name = path.split("/").pop();
    const file = { name, path, created: now, last_modified: now, format: "json", mimetype: "application/json" };
    const all = { ...file, content: notebook, size: JSON.stringify(notebook).length, writable: true, type: "notebook" };
    return withFiles("readwrite", (files) => files.put(all, path));
  }

  // Notebooks ------------------------------------------------------------------------------------

  const text = (source) => (Array.isArray(source) ? source.join("") : source);
  const sorted = (object) => object && Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

  /** What a notebook says, as a short text: its cells, not what running and saving leaves in it. */
  function digest(notebook) {
    const cells = notebook.cells.map((c) => [c.cell_type, text(c.source), sorted(c.metadata?.nbgrader) ?? null]);
    let [a, b] = [0xdeadbeef, 0x41c6ce57];
    for (const sign of JSON.stringify(cells)) {
      a = Math.imul(a ^ sign.codePointAt(0), 2654435761);
      b = Math.imul(b ^ sign.codePointAt(0), 1597334677);
    }
    return `${(a >>> 0).toString(16)}-${(b >>> 0).toString(16)}`;
  }

  /** The notebook as nbgrader hands it out: for a kernel that is called python3. */
  const toTake = (notebook) => ({
    ...notebook,
    metadata: {
      kernelspec: { display_name: "Python 3", language: "python", name: "python3" },
      language_info: { name: "python" },
    },
  });

  const base = {
    read: (unit) => { try { return localStorage.getItem(`byhand-base:${unit}`); } catch { return null; } },
    write: (unit, value) => { try { localStorage.setItem(`byhand-base:${unit}`, value); } catch {} },
  };

  /** Bring a newer version of the site to what is kept, as `byhand update` does: what was edited stays as it is, and the
   *  corrected notebook lies beside it. Returns whether it does. */
  async function update(unit, name = "exercises") {
    const [path, beside] = [`course/${unit}/${name}.ipynb`, `course/${unit}/${name}.new.ipynb`];
    const answer = await fetch(`${root}browser/files/${path}`, { cache: "no-cache" });
    const released = await answer.json();
    const seen = name === "exercises" ? unit : `${unit}/${name}`;
    const [mine, now, before] = [await kept(path), digest(released), base.read(seen)];
    if (!mine || digest(mine) === now || digest(mine) === before) {
      if (mine && digest(mine) !== now) await forget(path); // not edited: the new one takes its place
      base.write(seen, now);
    } else if (before === null) base.write(seen, now);
    else if (before !== now) {
      await keep(beside, released);
      base.write(seen, now);
    }
    return Boolean(await kept(beside));
  }

  // Pages ----------------------------------------------------------------------------------------

  const progress = async () => {
    const seen = (await kept("course/progress.json").catch(() => undefined)) ?? {};
    return (unit) => new Set(Array.isArray(seen[unit]) ? seen[unit] : []);
  };

  const make = (tag, content, attributes = {}) => {
    const element = document.createElement(tag);
    element.append(...[content].flat());
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  function trouble() {
    let modules = false;
    try {
      new Worker("data:,", { get type() { modules = true; return "module"; } }).terminate();
    } catch {}
    if (!window.WebAssembly || !window.indexedDB || !modules)
      return "This browser is too old to run Python on a page. Take a newer one, or install the course.";
    if (!isSecureContext)
      return "Exercises are solved here only where the address begins with https or is localhost: elsewhere the browser keeps Python from the files beside the notebook.";
    if (!navigator.serviceWorker)
      return "This window keeps Python from the files beside the notebook, as private windows of some browsers do. Open the page in an ordinary one.";
    return "";
  }

  async function exercisePage(box) {
    const unit = box.dataset.unit;
    const names = box.dataset.exercises.split(" ");
    const path = `course/${unit}/exercises.ipynb`;
    const says = make("p", "", { role: "status" });
    const row = make("p", "");
    const take = make("button", "Download my notebook", { type: "button" });
    const file = make("input", "", { type: "file", accept: ".ipynb", "aria-label": "A notebook from another device" });
    const bring = make("button", "Bring a notebook back", { type: "button" });
    take.hidden = true; // until it is known that there is one
    file.hidden = true;
    row.append(take, " ", bring, file);
    box.append(says, row);

    if (trouble()) {
      box.querySelector("a.byhand-solve-button").remove();
      row.remove();
      says.textContent = trouble();
      return;
    }
    const show = async () => {
      try {
        const corrected = await update(unit);
        const right = (await progress())(unit);
        const done = names.filter((name) => right.has(name));
        const next = names.find((name) => !right.has(name));
        const begun = await kept(path);
        take.hidden = !begun;
        says.textContent = done.length
          ? `${done.length} of ${names.length} checks are right${next ? `; next: ${next}` : ""}.`
          : begun ? "Begun; no check is right yet." : "";
        for (const name of names) mark(name, right.has(name));
        if (corrected) {
          const link = make("a", "Open the corrected one", { href: solveAt(`course/${unit}/exercises.new.ipynb`) });
          says.append(make("br", ""), "These exercises have been corrected since you began. Your answers are as they were. ", link, ".");
        }
      } catch {
        says.textContent = "This browser keeps nothing for this page, as in private windows: solve, but a reload forgets. Download from the notebook's File menu.";
        row.remove();
      }
    };
    take.addEventListener("click", async () => {
      const content = JSON.stringify(toTake(await kept(path)), null, 1) + "\n";
      const link = make("a", "", { href: URL.createObjectURL(new Blob([content], { type: "application/x-ipynb+json" })), download: "exercises.ipynb" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
    bring.addEventListener("click", () => file.click());
    file.addEventListener("change", async () => {
      const [chosen] = file.files;
      file.value = "";
      let notebook;
      try {
        notebook = JSON.parse(await chosen.text());
        const ids = new Set(notebook.cells.map((cell) => cell.metadata?.nbgrader?.grade_id));
        if (!names.some((name) => ids.has(name))) throw new Error();
      } catch {
        says.textContent = `${chosen.name} is no notebook with the exercises of this unit; nothing has changed.`;
        return;
      }
      const before = await kept(path);
      if (before) await keep(`course/${unit}/exercises.before.ipynb`, before);
      await keep(path, notebook);
      await show();
      says.prepend(`${chosen.name} is here now; its checks count when they are run. ${before ? "What was here lies beside it as exercises.before.ipynb. " : ""}`);
    });
    addEventListener("pageshow", (event) => event.persisted && show());
    document.addEventListener("visibilitychange", () => document.hidden || show());
    await show();
  }

  const solveAt = (path) => `${root}browser/notebooks/index.html?path=${path}`;

  /** A mark at the exercise's heading: the cell of an exercise begins with the definition of its name. */
  function mark(name, right) {
    for (const cell of document.querySelectorAll("div.cell")) {
      if (!new RegExp(`^\\s*(def|class) ${name}\\b`, "m").test(cell.textContent)) continue;
      const heading = cell.closest("section")?.querySelector("h2, h3, h4");
      if (!heading) return;
      heading.querySelector(".byhand-right")?.remove();
      if (right) heading.append(make("span", " ✓ right", { class: "byhand-right" }));
      return;
    }
  }

  /** Beside each link to a unit's exercises on the first page: how many of its checks are right. */
  async function firstPage(links) {
    const right = await progress();
    let units;
    for (const link of links) {
      const unit = /units\/([^/]+)\/exercises\.html/.exec(link.getAttribute("href"))[1];
      if (!right(unit).size) continue;
      units ??= await (await fetch(`${root}browser/exercises.json`)).json();
      const done = units[unit].filter((name) => right(unit).has(name)).length;
      link.after(make("span", ` ${done === units[unit].length ? "✓ " : ""}${done} of ${units[unit].length} right`, { class: "byhand-right" }));
    }
  }

  const begin = () => {
    const box = document.querySelector(".byhand-solve");
    const links = document.querySelectorAll('article table a[href^="units/"][href$="/exercises.html"]');
    const sliders = document.querySelector('.byhand-live a[href$="/sliders.ipynb"]');
    if (box) exercisePage(box);
    else if (sliders && window.indexedDB) update(sliders.href.split("/").at(-2), "sliders").catch(() => {});
    else if (links.length && window.indexedDB) firstPage(links).catch(() => {});
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", begin);
  else begin();
})();
