// What can be reached with the Tab key, and whether one sees where one is.

import { DESKTOP, PHONE, open, some } from "./browser.mjs";

// A page with thousands of links takes minutes.
const MOST_STOPS = 300;
const CONTRAST = 3;

export async function checkKeyboard(browser, url, say, note) {
    // Each layout and each scheme once.
    for (const [device, scheme] of [[DESKTOP, "light"], [PHONE, "dark"]]) {
        const opened = await open(browser, url, { device, scheme });
        await checkRegions(opened, device.name, say);
        await checkStops(opened, `${device.name}, ${scheme}`, say, note);
        await opened.close();
    }
}

/** Chromium lets the keyboard into whatever scrolls. Others do not, and nobody is told what it is that scrolls. */
async function checkRegions({ page, client }, where, say) {
    const regions = await page.evaluate(() => {
        window.regions = [...document.querySelectorAll("body *")].filter(
            (one) => one.scrollWidth > one.clientWidth && /auto|scroll/.test(getComputedStyle(one).overflowX),
        );
        return window.regions.map((one) => [one.outerHTML.split(">")[0] + ">", one.tabIndex >= 0 && one.hasAttribute("tabindex")]);
    });
    const wrong = [];
    for (const [index, [tag, isStop]] of regions.entries()) {
        if (!isStop) wrong.push(`${tag} scrolls, without tabindex="0"`);
        const { result } = await client.send("Runtime.evaluate", { expression: `window.regions[${index}]` });
        const { nodes } = await client.send("Accessibility.getPartialAXTree", { objectId: result.objectId, fetchRelatives: false });
        const [{ role, name }] = nodes;
        if (!name?.value || role?.value === "generic") wrong.push(`${tag} scrolls, without a role and a name`);
    }
    say("regions", wrong.length === 0, `${where}: ${wrong.length ? some(wrong) : `${regions.length} scroll, each with a name and a stop`}`);
}

async function checkStops({ page }, where, say, note) {
    await page.bringToFront();
    const expected = await page.evaluate(prepare);
    const [missed, unseen] = [[], []];
    const most = Math.min(expected.length, MOST_STOPS);
    let next = 0;
    // Chromium itself stops at what scrolls and has no tabindex, which is said elsewhere: hence some presses more.
    for (let press = 0; press < most + 50 && next < most; press += 1) {
        await page.keyboard.press("Tab");
        const { index, isNowhere, seen } = await page.evaluate(inspect, CONTRAST);
        if (isNowhere) break;
        if (index < 0) continue;
        if (index < next) {
            missed.push(`${expected[index]} comes again, or too late`);
            break;
        }
        missed.push(...expected.slice(next, index).map((one) => `${one} is not reached, or not in its turn`));
        if (seen) unseen.push(`${expected[index]}: ${seen}`);
        next = index + 1;
    }
    missed.push(...expected.slice(next, most).map((one) => `${one} is not reached`));
    if (most < expected.length) note(`keyboard: ${where}: ${expected.length} stops, of which the first ${most} were tried`);
    say("keyboard", missed.length === 0, `${where}: ${missed.length ? some(missed) : `${most} stops in the order of the page`}`);
    say("focus", unseen.length === 0, `${where}: ${unseen.length ? some(unseen) : "each stop shows that it has the focus"}`);
}

/** In the page: remembers what the Tab key should reach, and how it looks without the focus. */
function prepare() {
    const may = "a[href], area[href], button, input, select, textarea, summary, iframe, audio, video, [tabindex], [contenteditable]";
    const stops = [...document.querySelectorAll(may)].filter(
        (one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({ visibilityProperty: true }),
    );
    const look = (one) => {
        const style = getComputedStyle(one);
        const names = ["outline", "boxShadow", "border", "backgroundColor", "textDecoration"];
        return Object.fromEntries(names.map((name) => [name, style[name]]));
    };
    window.stops = { stops, look, before: stops.map(look) };
    return stops.map((one) => `${one.outerHTML.split(">")[0]}> ${JSON.stringify(one.textContent.trim().slice(0, 20))}`);
}

/** In the page: where the focus is, and what is wrong with how that is shown, if something is. */
function inspect(contrast) {
    const { stops, look, before } = window.stops;
    const one = document.activeElement;
    const index = stops.indexOf(one);
    if (index < 0) return { index, isNowhere: one === document.body || !one };

    const rgba = (color) => {
        const canvas = document.createElement("canvas");
        canvas.width = 1;
        canvas.height = 1;
        const context = canvas.getContext("2d");
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([...color]) => {
        const [red, green, blue] = color.slice(0, 3).map((part) => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    // The outline lies on what is around the element.
    const ground = () => {
        for (let around = one.parentElement; around; around = around.parentElement) {
            const color = rgba(getComputedStyle(around).backgroundColor);
            if (color[3] === 255) return color;
        }
        return rgba("Canvas");
    };
    const box = one.getBoundingClientRect();
    if (box.bottom <= 0 || box.top >= innerHeight) return { index, seen: "is out of sight when it has the focus" };

    const style = getComputedStyle(one);
    if (style.outlineStyle === "auto") return { index };
    if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 && look(one).outline !== before[index].outline) {
        const [lighter, darker] = [luminance(rgba(style.outlineColor)), luminance(ground())].sort((a, b) => b - a);
        const ratio = (lighter + 0.05) / (darker + 0.05);
        return { index, seen: ratio < contrast && `its outline has a contrast of ${ratio.toFixed(2)}, less than ${contrast}` };
    }
    const now = look(one);
    const differs = Object.keys(now).some((name) => name !== "outline" && now[name] !== before[index][name]);
    return { index, seen: !differs && "nothing shows that it has the focus" };
}
