// npm packs only what lies in the package's folder: bring the one copy from api/static for that moment, and take it away.
import { copyFile, readFile, rm } from "node:fs/promises";

const { files } = JSON.parse(await readFile(new URL("package.json", import.meta.url)));
const remove = process.argv.includes("--remove");
for (const name of files) {
  const here = new URL(name, import.meta.url);
  await (remove ? rm(here, { force: true }) : copyFile(new URL(`../../api/static/${name}`, import.meta.url), here));
}
