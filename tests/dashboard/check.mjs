// Writes a dashboard as a literal of TypeScript, and has the compiler judge it. Usage: check.mjs PACKAGES DASHBOARD
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [packages, file] = process.argv.slice(2);
const text = readFileSync(file, "utf8");

// In JSON the values of an enum are plain strings. The annotation of a data source has properties of its own, which are
// Prometheus's here.
const TYPES = `import type { AnnotationQuery, Dashboard } from "@grafana/schema";
type Plain<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Annotation = AnnotationQuery & { expr: string; useValueForTime: boolean; titleFormat: string };
type Ours = Omit<Plain<Dashboard>, "annotations"> & { annotations: { list: Plain<Annotation>[] } };
`;

/** What the compiler has to say. */
function judge(dashboard) {
  const literal = JSON.stringify(dashboard, null, 2);
  writeFileSync(join(packages, "dashboard.ts"), `${TYPES}export const dashboard: Ours = ${literal};\n`);
  const compiler = join(packages, "node_modules/typescript/bin/tsc");
  const ran = spawnSync(process.execPath, [compiler, "-p", packages], { encoding: "utf8" });
  return ran.status === 0 ? "" : ran.stdout + ran.stderr;
}

const said = judge(JSON.parse(text));
if (said) {
  console.error(`${file}:\n${said}`);
  process.exit(1);
}
console.log(`${file}: Grafana's types have nothing to say`);

const panel = (dashboard) => dashboard.panels.find((one) => one.type === "stat");
const DEFECTS = {
  "an unknown property of the dashboard": (dashboard) => (dashboard.tittle = "x"),
  "an unknown property of a panel": (dashboard) => (panel(dashboard).descripton = "x"),
  "a width that is no number": (dashboard) => (panel(dashboard).gridPos.w = "4"),
  "an unknown mode of thresholds": (dashboard) => (panel(dashboard).fieldConfig.defaults.thresholds.mode = "relative"),
  "a threshold without a colour": (dashboard) => delete panel(dashboard).fieldConfig.defaults.thresholds.steps[0].color,
  "an unknown property of a variable": (dashboard) => (dashboard.templating.list[1].multiple = true),
  "an unknown property of the annotation": (dashboard) => (dashboard.annotations.list[0].expression = "x"),
  "an override that matches nothing": (dashboard) => (panel(dashboard).fieldConfig.overrides = [{ properties: [] }]),
};
for (const [name, spoil] of Object.entries(DEFECTS)) {
  const copy = JSON.parse(text);
  spoil(copy);
  // An error in the way of the compiler's, not one of a compiler that does not run.
  if (!judge(copy).includes("dashboard.ts(")) {
    console.error(`not found: ${name}`);
    process.exit(1);
  }
}
console.log(`each of ${Object.keys(DEFECTS).length} defects put in on purpose is found`);
