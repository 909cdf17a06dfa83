// How the page looks, and whether it fits.

import { join } from "node:path";

import { DESKTOP, PHONE, SCHEMES, open, some } from "./browser.mjs";

const WIDTHS = [320, 390, 1280];
// What a browser takes for 1rem. At 640 pixels, twice of it leaves as much room as 320 pixels do with the usual size.
const TEXT = 16;
const LARGE_WIDTHS = [1280, 640];
const HIGHEST = 4000;

export async function takePictures(browser, url, folder, name, note) {
    for (const device of [DESKTOP, PHONE]) {
        for (const scheme of SCHEMES) {
            const { page, close } = await open(browser, url, { device, scheme });
            const height = Math.min(HIGHEST, await page.evaluate(() => document.scrollingElement.scrollHeight));
            const path = join(folder, `${name}-${device.name}-${scheme}.png`);
            const clip = { x: 0, y: 0, width: device.width, height: Math.max(height, device.height) };
            await page.screenshot({ path, clip, captureBeyondViewport: true });
            note(`picture ${path}`);
            await close();
        }
    }
}

export async function checkFit(browser, url, say) {
    const { page, client, close } = await open(browser, url);
    for (const width of WIDTHS) await fits(page, width, "", say);

    const usual = await page.evaluate(sizes);
    await client.send("Page.setFontSizes", { fontSizes: { standard: 2 * TEXT, fixed: 26 } });
    for (const width of LARGE_WIDTHS) await fits(page, width, ", with text twice as large", say);
    const large = await page.evaluate(sizes);
    const stays = Object.keys(usual).filter((tag) => large[tag] < 1.9 * usual[tag]);
    const fixed = stays.length && `stays as it is, though the reader wants it larger: ${some(stays, 6)}`;
    say("text size", stays.length === 0, fixed || "all text follows the reader's size");
    await close();
}

/** In the page: the text size by element. */
function sizes() {
    const found = {};
    for (const one of document.body.querySelectorAll("*")) {
        const tag = one.tagName.toLowerCase() + (one.className && `.${one.className}`);
        if (!(tag in found) && one.innerText?.trim()) found[tag] = parseFloat(getComputedStyle(one).fontSize);
    }
    return found;
}

async function fits(page, width, how, say) {
    await page.setViewport({ width, height: 800 });
    const { needed, given, culprits } = await page.evaluate(() => {
        const root = document.scrollingElement;
        const holds = (one) => {
            for (let around = one.parentElement; around && around !== document.body; around = around.parentElement) {
                if (getComputedStyle(around).overflowX !== "visible") return true;
            }
            return false;
        };
        const wide = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1);
        const culprits = wide.slice(0, 2000).filter((one) => !holds(one)).map((one) => one.outerHTML.split(">")[0] + ">");
        return { needed: root.scrollWidth, given: innerWidth, culprits };
    });
    // What sticks out of a page that cuts off what is too wide does not make it wider, and cannot be read.
    const isGood = needed <= given && culprits.length === 0;
    const why = culprits.length ? `, out of it sticks ${some(culprits, 2)}` : "";
    say("fit", isGood, `${width} pixels${how}: the page is ${needed} wide${why}`);
}
