import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules", "**/node_modules", "services/**", ".state"] },
  ...tseslint.configs.recommendedTypeChecked.map((config) => ({ ...config, files: ["**/*.ts"] })),
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // An Output that nothing awaits hides the assertion inside it: such a test cannot fail.
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          checkThenables: true,
          allowForKnownSafeCalls: [{ from: "package", package: "mocha", name: ["describe", "it"] }],
        },
      ],
      "@typescript-eslint/no-unused-expressions": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: "ExpressionStatement > CallExpression[callee.property.name='apply']",
          message: "This Output is thrown away: await it (promiseOf) or return it, else a failure inside goes unseen.",
        },
      ],
    },
  },
);
