// Stands where Pyodide would: takes it from its public address, and the course's own packages from beside this file.
const PUBLIC = "PUBLIC_ADDRESS";
importScripts(`${PUBLIC}pyodide.js`);
const publicPyodide = self.loadPyodide;
self.loadPyodide = async (options) => {
  const lock = await (await fetch(`${options.indexURL}pyodide-lock.json`)).json();
  for (const one of Object.values(lock.packages)) one.file_name = new URL(one.file_name, options.indexURL).href;
  const lockFileURL = URL.createObjectURL(new Blob([JSON.stringify(lock)], { type: "application/json" }));
  return publicPyodide({ ...options, indexURL: PUBLIC, lockFileURL });
};
