import { half } from './half.js';

postMessage({ sum: half * 2, url: import.meta.url, name: self.name });
