import stylistic from "@stylistic/eslint-plugin";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules", "**/node_modules", "services/**", ".state"] },
  ...tseslint.configs.recommendedTypeChecked.map((config) => ({ ...config, files: ["**/*.ts"] })),
  {
    files: ["**/*.ts"],
    plugins: { "@stylistic": stylistic },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Prettier breaks code at 120 columns, but neither comments nor what stands in quotes.
      "@stylistic/max-len": [
        "error",
        {
          code: 120,
          comments: 120,
          ignoreUrls: true,
          ignoreStrings: true,
          ignoreTemplateLiterals: true,
          ignoreRegExpLiterals: true,
        },
      ],
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
        {
          selector: "MemberExpression[property.name='localeCompare']",
          message:
            "It goes by the language of whoever runs the program: inOrder (plan/order.ts) is the same everywhere.",
        },
      ],
    },
  },
);
