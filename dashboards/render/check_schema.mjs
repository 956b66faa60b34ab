// Checks dashboards against the types that Grafana publishes: node check_schema.mjs DASHBOARD.json...
//
// @grafana/schema has TypeScript types of dashboards and of the options of each panel. They become JSON schemas that know no keys
// but those of the types, so that a misspelt one fails.
import Ajv from 'ajv';
import fs from 'node:fs';
import path from 'node:path';
import { createGenerator } from 'ts-json-schema-generator';

const types = path.join(import.meta.dirname, 'node_modules/@grafana/schema/dist/types/raw');
const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true });

function validator(file, type) {
  const generator = createGenerator({ path: path.join(types, file), type, skipTypeCheck: true, additionalProperties: false, topRef: false, expose: 'all' });
  return ajv.compile(generator.createSchema(type));
}

// Folder names of panels are their types without the dash.
const validators = {};
function ofPanel(type, what) {
  const folder = type.replace('-', '');
  const file = `composable/${folder}/panelcfg/x/types.gen.d.ts`;
  if (!new RegExp(`interface ${what}\\b|type ${what}\\b`).test(fs.readFileSync(path.join(types, file), 'utf8'))) {
    return () => {};
  }
  return (validators[`${type} ${what}`] ??= validator(file, what));
}

// Keys that the types leave to the data source: those of Prometheus' annotations and variables.
const ofDataSource = ['definition', 'expr', 'step', 'tagKeys', 'textFormat', 'titleFormat', 'useValueForTime'];

const failures = [];
function check(validate, value, place) {
  validate(value);
  // What is not there, Grafana sets to its default.
  const errors = (validate.errors ?? []).filter(({ keyword, params }) =>
    keyword !== 'required' && !ofDataSource.includes(params.additionalProperty));
  failures.push(...errors.map((error) => `${place}${error.instancePath}: ${error.message} ${JSON.stringify(error.params)}`));
}

const ofDashboard = validator('dashboard/x/types.gen.d.ts', 'Dashboard');
for (const file of process.argv.slice(2)) {
  const dashboard = JSON.parse(fs.readFileSync(file, 'utf8'));
  const name = path.basename(file);
  check(ofDashboard, dashboard, name);
  for (const panel of dashboard.panels) {
    const place = `${name}: ${panel.title}`;
    check(ofPanel(panel.type, 'Options'), panel.options, `${place}: options`);
    check(ofPanel(panel.type, 'FieldConfig'), panel.fieldConfig.defaults.custom ?? {}, `${place}: fieldConfig.defaults.custom`);
  }
}
if (failures.length > 0) {
  console.error(failures.join('\n'));
  process.exit(1);
}
console.log('the dashboards are of the types of @grafana/schema');
