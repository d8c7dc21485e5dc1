// bundle.mjs TOOL APP: builds APP/app.js with webpack, Vite or esbuild into APP/dist for browsers; warnings are errors.
// Runs beside a node_modules that has them.
import { join } from "node:path";

const [tool, app] = process.argv.slice(2);
const [entry, dist] = [join(app, "app.js"), join(app, "dist")];

async function webpack() {
  const { default: build } = await import("webpack");
  const stats = await new Promise((resolve, reject) =>
    build({ mode: "production", entry, output: { path: dist } }, (error, found) => (error ? reject(error) : resolve(found))),
  );
  if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
}

async function vite() {
  const { build } = await import("vite");
  const rollupOptions = { onwarn: (warning) => { throw new Error(warning.message); } };
  await build({ root: app, logLevel: "error", build: { lib: { entry, formats: ["es"] }, outDir: dist, rollupOptions } });
}

async function esbuild() {
  const { build } = await import("esbuild");
  const found = await build({ entryPoints: [entry], bundle: true, format: "esm", outdir: dist, logLevel: "error" });
  if (found.warnings.length) throw new Error(JSON.stringify(found.warnings));
}

await { webpack, vite, esbuild }[tool]();
