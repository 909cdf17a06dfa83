// Looks at a page in a browser: see `run`, which starts this.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { checkAnswer, checkTime } from "./answer.mjs";
import { launch } from "./browser.mjs";
import { checkKeyboard } from "./keyboard.mjs";
import { checkFit, takePictures } from "./layout.mjs";
import { checkRefresh, checkRules } from "./rules.mjs";
import { checkTree } from "./tree.mjs";

/** All checks of one page, by what they are about, or those of `chosen`. Which of them found something is returned, by name. */
export async function look(browser, url, name, folder, print, chosen) {
    const failed = new Set();
    const say = (check, isGood, text) => {
        print(`${isGood ? "ok   " : "WRONG"} ${check}: ${text}`);
        if (!isGood) failed.add(check);
    };
    const note = (text) => print(`note  ${text}`);
    mkdirSync(folder, { recursive: true });
    const all = {
        answer: () => checkAnswer(browser, url, say),
        time: () => checkTime(browser, url, say),
        pictures: () => takePictures(browser, url, folder, name, note),
        fit: () => checkFit(browser, url, say),
        tree: () => checkTree(browser, url, join(folder, `${name}-tree.txt`), say),
        keyboard: () => checkKeyboard(browser, url, say, note),
        rules: async () => checkRules(browser, url, await checkRefresh(browser, url, say), say, note),
    };
    for (const [about, check] of Object.entries(all)) if (!chosen || chosen.includes(about)) await check();
    return [...failed];
}

const [url, name, folder, ...more] = process.argv.slice(2);
const isSelfTest = url === "--self-test";
if (!isSelfTest && (!folder || more.length || !URL.canParse(url))) {
    console.error("usage: tests/page/run URL NAME FOLDER, or tests/page/run --self-test [WORD]...");
    process.exit(2);
}
const browser = await launch();
try {
    if (isSelfTest) {
        const { selfTest } = await import("./self_test.mjs");
        process.exitCode = (await selfTest(browser, look, process.argv.slice(3))) ? 0 : 1;
    } else {
        const began = Date.now();
        const failed = await look(browser, url, name, folder, console.log);
        const seconds = Math.round((Date.now() - began) / 1000);
        console.log(`${name}: ${failed.length ? `WRONG: ${failed.join(", ")}` : "all well"} after ${seconds} s`);
        process.exitCode = failed.length ? 1 : 0;
    }
} finally {
    await browser.close();
}
