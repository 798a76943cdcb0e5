"""An ordinary Streamlit page with an upload."""

import streamlit as st

st.title("Hello from Streamlit")
name = st.text_input("Name", "world")
st.write(f"Hello {name}")
file = st.file_uploader("A file")
if file is not None:
    st.write(f"received {len(file.getvalue())} bytes")
