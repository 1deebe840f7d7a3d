import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = dirname(fileURLToPath(import.meta.url));
const outDir = join(here, "../../src/signport/parity/browser/page");

interface Package {
  name: string;
  version: string;
  license: string;
  homepage?: string;
}

const packageOf = (name: string): Package =>
  JSON.parse(readFileSync(join(here, "node_modules", name, "package.json"), "utf8"));

// The runtimes fetch these by name when the page runs, so the bundler must leave the names alone. MediaPipe's build
// without SIMD is left out, because every browser that runs LiteRT.js has SIMD, and so is LiteRT.js' build that shares a
// graph between GPU and CPU (see src/litert.ts).
const RUNTIME_FILES: Record<string, string[]> = {
  "@litertjs/core": ["internal", "compat_internal", "threaded_internal"].flatMap((build) =>
    ["js", "wasm"].map((ending) => `litert_wasm_${build}.${ending}`),
  ),
  "@mediapipe/tasks-vision": ["vision_wasm_internal.js", "vision_wasm_internal.wasm"],
};

/** Copies the runtimes' own files beside the page, with a note of what they are. */
function runtimeFiles(): Plugin {
  return {
    name: "signport-runtime-files",
    apply: "build",
    closeBundle() {
      const folder = join(outDir, "wasm");
      mkdirSync(folder, { recursive: true });
      const notes: string[] = [];
      for (const [name, files] of Object.entries(RUNTIME_FILES)) {
        const found = packageOf(name);
        notes.push(`${name} ${found.version}, ${found.license}, ${found.homepage ?? "https://github.com/google-ai-edge/LiteRT"}`);
        for (const file of files) copyFileSync(join(here, "node_modules", name, "wasm", file), join(folder, file));
      }
      writeFileSync(join(outDir, "THIRD_PARTY.txt"), `In this folder, as published on npm:\n${notes.join("\n")}\n`);
    },
  };
}

export default defineConfig({
  root: here,
  base: "./",
  build: {
    outDir,
    emptyOutDir: true,
    target: "es2022",
    // A new token in the path would not help a cache, and names that stay make builds comparable.
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  // A classic worker: both runtimes bring their code in with importScripts, which module workers lack.
  worker: { format: "iife", rollupOptions: { output: { entryFileNames: "assets/[name].js" } } },
  define: {
    __LITERT_VERSION__: JSON.stringify(packageOf("@litertjs/core").version),
    __TASKS_VERSION__: JSON.stringify(packageOf("@mediapipe/tasks-vision").version),
  },
  plugins: [runtimeFiles()],
});
