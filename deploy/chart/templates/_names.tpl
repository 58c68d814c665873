{{- define "trinity.labels" -}}
app.kubernetes.io/name: trinity
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "trinity.server" -}}
{{ include "trinity.labels" . }}
app.kubernetes.io/component: server
{{- end }}

{{- define "trinity.router" -}}
{{ include "trinity.labels" . }}
app.kubernetes.io/component: router
{{- end }}
