/// <reference types="vite/client" />
declare const __LITERT_VERSION__: string;
declare const __TASKS_VERSION__: string;
