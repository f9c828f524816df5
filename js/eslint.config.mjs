import js from "@eslint/js";
import globals from "globals";

const sinks = "/^(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|setHTML|setHTMLUnsafe|parseHTMLUnsafe|srcdoc)$/";
const page = "/^(window|document|globalThis|self)$/";

/** Each is what the page would suffer from: several views of several widgets, of any author's text, share it. */
const forbidden = [
  ["text goes in by textContent: markup would run what the text holds", [
    `MemberExpression[property.name=${sinks}]`,
    `Literal[value=${sinks}]`,
    "CallExpression[callee.object.name='document'][callee.property.name=/^write(ln)?$/]",
    "NewExpression[callee.name='DOMParser']",
  ]],
  ["ids are the page's: two views of one widget would share one", [
    "MemberExpression[property.name='getElementById']",
    "AssignmentExpression > MemberExpression.left[property.name='id']",
    "CallExpression[callee.property.name='setAttribute'][arguments.0.value='id']",
    "CallExpression[callee.property.name=/^(querySelector(All)?|closest|matches)$/][arguments.0.value=/#/]",
  ]],
  ["globals are the page's: nothing is written to them", [
    `AssignmentExpression > MemberExpression.left[object.name=${page}]`,
    `CallExpression[callee.object.name=/^(Object|Reflect)$/][arguments.0.name=${page}]`,
  ]],
  ["a listener on the page outlives its view: listen on the view's own root, by `watch.dom`", [
    `CallExpression[callee.property.name='addEventListener'][callee.object.name=${page}]`,
    `CallExpression[callee.object.name='watch'][callee.property.name='dom'][arguments.0.name=${page}]`,
  ]],
  ["a module is shared by all views of a page: its state belongs in a function", [
    ":matches(Program, ExportNamedDeclaration) > VariableDeclaration[kind='let']",
    ":matches(Program, ExportNamedDeclaration) > VariableDeclaration > VariableDeclarator > NewExpression[callee.name=/^(Weak)?Map$/]",
  ]],
  ["hosts differ in anywidget's invoke: send a message with an id", [
    "Identifier[name='invoke']",
  ]],
  ["a kernel that ended makes a send raise: frame.send, ask and tell catch that", [
    "CallExpression[callee.object.name='model'][callee.property.name=/^(send|save_changes)$/]",
  ]],
  ["nothing is fetched: the page may have no network", [
    "ImportExpression",
    "Literal[value=/^https?:/]",
    "TemplateElement[value.raw=/https?:/]",
    "CallExpression[callee.name='fetch']",
  ]],
];

const strict = {
  "array-callback-return": "error",
  "consistent-return": "error",
  "default-case-last": "error",
  eqeqeq: "error",
  "guard-for-in": "error",
  "logical-assignment-operators": "error",
  "no-alert": "error",
  "no-array-constructor": "error",
  "no-caller": "error",
  "no-constructor-return": "error",
  "no-else-return": "error",
  "no-eval": "error",
  "no-extend-native": "error",
  "no-extra-bind": "error",
  "no-implicit-coercion": "error",
  "no-implied-eval": "error",
  "no-lonely-if": "error",
  "no-loop-func": "error",
  "no-multi-assign": "error",
  "no-new-func": "error",
  "no-new-wrappers": "error",
  "no-object-constructor": "error",
  "no-param-reassign": "error",
  "no-promise-executor-return": "error",
  "no-return-assign": "error",
  "no-self-compare": "error",
  "no-sequences": "error",
  "no-shadow": "error",
  "no-template-curly-in-string": "error",
  "no-throw-literal": "error",
  "no-unmodified-loop-condition": "error",
  "no-unneeded-ternary": "error",
  "no-unused-expressions": "error",
  "no-use-before-define": ["error", { functions: false, variables: false }], // handlers name what is built below them
  "no-useless-call": "error",
  "no-useless-computed-key": "error",
  "no-useless-concat": "error",
  "no-useless-rename": "error",
  "no-useless-return": "error",
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-arrow-callback": "error",
  "prefer-const": "error",
  "prefer-object-has-own": "error",
  "prefer-object-spread": "error",
  "prefer-rest-params": "error",
  "prefer-spread": "error",
  "prefer-template": "error",
  radix: "error",
  "require-await": "error",
  "symbol-description": "error",
};

export default [
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  { languageOptions: { ecmaVersion: 2025, sourceType: "module" }, rules: strict },
  {
    files: ["src/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      "max-lines": ["error", 299],
      "no-console": "error",
      "no-restricted-syntax": ["error", ...forbidden.flatMap(([message, selectors]) => selectors.map((selector) => ({ selector, message })))],
    },
  },
  {
    files: ["test/**/*.js", "*.mjs"],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
    rules: {
      "no-control-regex": "off", // tests look for control characters in what is shown
      "no-template-curly-in-string": "off", // sources that the linter is to refuse
      "no-promise-executor-return": "off", // waiting is one line: new Promise((resolve) => setTimeout(resolve, 5))
    },
  },
];
