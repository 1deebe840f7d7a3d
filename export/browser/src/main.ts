/** The page: with a job, it does that and posts what came out; without, it is for people. */

import "../../../src/signport/service/page/base.css";
import "./style.css";
import { fingerprint } from "./device";
import { bytesOf, runJob, type Job } from "./harness";
import { showPeoplesPage, type About } from "./people";

const main = document.getElementById("main")!;
const device = await fingerprint();
document.getElementById("device")!.textContent = `${device.browser}, ${device.cores} cores`;

const job = JSON.parse(new TextDecoder().decode(await bytesOf("job.json"))) as Job | { people: About };
if ("people" in job) await showPeoplesPage(main, job.people);
else await runJob(job, device, main);
