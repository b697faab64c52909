// node validate.mjs FOLDER FILE: prints what the validator installed in FOLDER says of FILE.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.argv[2] + "/"));
const { Validator } = await import(pathToFileURL(require.resolve("@seriousme/openapi-schema-validator")));
const validator = new Validator();
const { valid, errors } = await validator.validate(process.argv[3]);
console.log(JSON.stringify(valid ? { valid, version: validator.version } : { valid, errors }));
