import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ mode }) => {
  // Where the dev server finds the backend. In a runtime the edge routes /api, and this page never learns where to.
  const { API_URL = "http://backend:8000" } = loadEnv(mode, ".", "API_");
  const server = { host: true, port: 3000, strictPort: true, proxy: { "/api": API_URL } };
  return {
    plugins: [react()],
    // A container cannot write beside its packages.
    cacheDir: "/tmp/samplemind-frontend",
    server,
    preview: server,
    build: {
      sourcemap: false,
      // The Content-Security-Policy takes no data: addresses, and no inline script.
      assetsInlineLimit: 0,
      modulePreload: false,
    },
  };
});
