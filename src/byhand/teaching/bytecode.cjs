// Starts the Pyodide of a folder, and lets in_node.py put bytecode into the folder's files.
const { folder, packages, modules, code } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { loadPyodide } = require(`${folder}pyodide.js`);
(async () => {
  const python = await loadPyodide({ indexURL: folder });
  await python.loadPackage(packages, { messageCallback: () => {} });
  python.FS.mkdir("/folder");
  python.FS.mount(python.FS.filesystems.NODEFS, { root: folder }, "/folder");
  python.runPython(code);
  python.globals.get("add_bytecode")(python.toPy(modules));
})().catch((error) => {
  console.error(`${error.type ?? ""} ${error.message || error}`);
  process.exit(1);
});
